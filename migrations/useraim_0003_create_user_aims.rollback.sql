SET LOCAL lock_timeout = '5s';

DROP TABLE user_aims;
