-- Which of the ledger's rows in arrived are of objects that the plan has not found settled?
SELECT arrived.*
FROM arrived
SEMI JOIN plan.objects USING (key)
