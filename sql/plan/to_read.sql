-- Which listed objects are to be read, in the order in which they are kept?
SELECT * EXCLUDE (becomes)
FROM plan.objects
WHERE becomes = 'read'
