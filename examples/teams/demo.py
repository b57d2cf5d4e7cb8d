"""Teams at work, after `yoyo apply migrations examples/teams/migrations`: all that users and aims have, for them."""

import psycopg
from team_users import NewTeam, members, teams, teams_of

from useraim import CountBetween, Link, users

with psycopg.connect(autocommit=True) as conn:
    ana, _ = users.ensure(conn, email="ana@example.org", name="Ana")
    ben, _ = users.ensure(conn, email="ben@example.org", name="Ben")
    crew, board = teams.create_many(conn, [NewTeam("Crew"), NewTeam("Board")])

    changes = members.replace(conn, crew, [ana, Link(ben, role="captain")])
    print("added", len(changes.added))
    for team, links in members.load(conn, [crew.id, board.id], order_by="name").items():
        print(teams.get(conn, team).name, [(link.record.name, link.role) for link in links])
    print("Ben is in", [link.record.name for link in teams_of.of(conn, ben)])
    print("empty:", [team.name for team in teams.page(conn, where=[CountBetween(at_most=0)])])
    teams.delete_many(conn, [crew, board])
