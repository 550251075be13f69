{{ config(alias='product_catalog') }}
{{ snapshot('product_catalog') }}
