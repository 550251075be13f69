{{ config(alias='customers') }}
{{ snapshot('customers') }}
