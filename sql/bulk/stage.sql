-- What COPY fills: n is the row's place in the input; NULL where it leaves an attribute out. It vanishes with the
-- transaction.
-- Slots: columns, the attributes with their types.
CREATE TEMP TABLE useraim_stage (n bigint NOT NULL, user_id uuid NOT NULL, aim_id uuid NOT NULL{columns}) ON COMMIT DROP
