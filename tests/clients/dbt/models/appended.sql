{{ config(materialized='incremental', incremental_strategy='append', engine='MergeTree()', order_by='id') }}
select id, name, day from {{ ref('named_turns') }}
{% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}
