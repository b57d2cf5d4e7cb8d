-- Fill the stage. Slots: names, the attributes in the order they are sent.
COPY pg_temp.useraim_stage (n, user_id, aim_id{names}) FROM STDIN (FORMAT binary)
