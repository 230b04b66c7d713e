"""The statements that the concert service and the capacity measurement must share word for word.

The measured capacity is only a promise about the service while both run the same statement, so it has one
home. Placeholders are SQLAlchemy's (``:concert_id``); wrap with ``sqlalchemy.text``.
"""

# Dates of a concert with the seats still free. Without an index on seats.schedule_id PostgreSQL answers it by
# a hash join over a sequential scan of all seats: that is the honest slowness of the drill. The outer join
# keeps sold-out dates in the answer, with 0 free seats.
DATE_QUERY = """\
SELECT schedules.id, schedules.starts_at, count(seats.id) AS free_seats
FROM schedules
LEFT JOIN seats ON seats.schedule_id = schedules.id AND seats.reserved_by IS NULL
WHERE schedules.concert_id = :concert_id
GROUP BY schedules.id, schedules.starts_at
ORDER BY schedules.starts_at"""
