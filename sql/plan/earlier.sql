-- What does the ledger know of the keys in open_objects? Everything else of it has served.
FROM seen
SEMI JOIN plan.open_objects USING (key_digest)
