{{ config(materialized='incremental', incremental_strategy='insert_overwrite', partition_by='toYYYYMM(day)', engine='MergeTree()', order_by='day') }}
select assumeNotNull(day) as day, turns, cost from {{ ref('daily') }}
