DROP FUNCTION hold_teams_of_user, hold_links_of_team, lock_teams_of_user, lock_links_of_team, lock_teams, lock_team;
DROP TABLE team_users, teams;
