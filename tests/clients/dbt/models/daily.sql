{{ config(materialized='table', engine='MergeTree()', order_by='day') }}
select day, count() as turns, sum(cost) as cost from {{ ref('named_turns') }} group by day
