-- Which listed objects are for the ledger only?
SELECT * EXCLUDE (replaces, becomes)
FROM plan.objects
WHERE becomes = 'recorded'
ORDER BY key
