{{ config(materialized='view') }}
select turns.id as id, people.name as name, toDate(turns.day) as day, turns.cost as cost
from {{ ref('turns') }} as turns join {{ ref('people') }} as people on people.id = turns.person_id
