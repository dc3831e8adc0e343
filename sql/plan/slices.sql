-- Which days of delivery are sorted together, so that each time it is about $at_once objects?
WITH days AS (
    SELECT coalesce(delivered_on, DATE 'infinity') AS day, sum(listed) AS objects
    FROM counted
    GROUP BY day
),

numbered AS (
    SELECT day, (sum(objects) OVER (ORDER BY day) - objects) // $at_once AS slice
    FROM days
)

SELECT min(day)::VARCHAR AS first_day, max(day)::VARCHAR AS last_day
FROM numbered
GROUP BY slice
ORDER BY slice
