"""The statements of the outbox."""

INSERT = "INSERT INTO outbox (id, topic, key, value, headers) VALUES ($1, $2, $3, $4, $5)"
COLUMNS = ("id", "topic", "key", "value", "headers")
# One worker at a time publishes: the lock is held until the marks are committed. A mark that a crash of the server
# loses costs a repeat, so nobody waits for it to reach the disk.
TAKE_TURNS = """
SELECT set_config('synchronous_commit', 'off', true), pg_advisory_xact_lock(hashtext('outbox ' || current_schema()))"""
IS_UNSENT = "SELECT EXISTS (SELECT 1 FROM outbox WHERE sent_in IS NULL)"
TAKE = """
SELECT position, id, topic, key, value, headers FROM outbox
WHERE sent_in IS NULL ORDER BY position LIMIT $1 FOR UPDATE SKIP LOCKED"""
FORGET = "DELETE FROM outbox WHERE position = ANY($1::bigint[])"
MARK = """
UPDATE outbox o SET sent_in = $1, partition = n.partition, offset_ = n.offset_
FROM unnest($2::bigint[], $3::int[], $4::bigint[]) AS n(position, partition, offset_)
WHERE o.position = n.position"""
# Confirmed by all consumers: the lowest offset of each partition was computed by the relay.
CONFIRM = """
DELETE FROM outbox o USING unnest($3::int[], $4::bigint[]) AS c(partition, offset_)
WHERE o.topic = $1 AND o.sent_in = $2 AND o.partition = c.partition AND o.offset_ < c.offset_"""
LOST = "UPDATE outbox SET sent_in = NULL WHERE sent_in IS NOT NULL AND sent_in <> $1"
OLDEST = """
SELECT id, topic, key, created_at, sent_in IS NOT NULL OR position = ANY($2::bigint[]) AS sent
FROM outbox ORDER BY position LIMIT $1"""
LOOK = """
SELECT position, id, topic, key, value, headers FROM outbox
WHERE sent_in IS NULL AND position <> ALL($2::bigint[]) ORDER BY position LIMIT $1"""
WAITING = "SELECT DISTINCT topic FROM outbox WHERE sent_in = $1"
