"""What useraim costs beside hand-written psycopg and the libraries a user would pick instead."""
