{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='id', engine='MergeTree()', order_by='id') }}
select id, name, cost from {{ ref('named_turns') }}
