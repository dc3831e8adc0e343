-- Which of the objects in listed_now are to be compared with the ledger, and by what? As in seen.
SELECT *, md5_number(key) AS key_digest, hash(etag) AS etag_hash
FROM listed_now
