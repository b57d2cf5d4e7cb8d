DROP FUNCTION lock_teams_of_user, lock_links_of_team, lock_teams, lock_team;
DROP TABLE team_users, teams;
