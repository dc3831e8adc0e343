-- Which digests have no successor that states their signature?
SELECT d.key
FROM digest_files AS d
LEFT JOIN successors AS s USING (key)
WHERE d.problem IS NULL AND NOT d.moved AND s.signature IS NULL
ORDER BY d.key
