-- How many listed objects did an earlier run have to leave out, and are not asked for again?
SELECT count(*)
FROM plan.objects
WHERE becomes = 'left out'
