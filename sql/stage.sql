-- What COPY fills; NULL where a row leaves an attribute out. It vanishes with the transaction.
CREATE TEMP TABLE useraim_stage (
    user_id uuid NOT NULL, aim_id uuid NOT NULL, role text, permissions text[], joined_at timestamptz
) ON COMMIT DROP
