{#
    Statements that make empty views in place of the specification's tables, with their columns and types, for
    runs by hand: a unit test asks the relation of each input for its types. What is specified is not documented
    anew.
#}
{% macro specified_tables() %}
    {% set tables = run_value('tables') or {} %}
    {% set statements = ['create schema if not exists bronze', 'create schema if not exists silver'] if tables else [] %}
    {% for table in tables.values() if table['silver_as'] == 'view' %}
        {% set place, received = {'_file': 'string', '_row': 'integer'}, {} %}
        {% for column in table['columns'] %}{% do received.update({column['name']: 'string'}) %}{% endfor %}
        {% do statements.append(empty_view('bronze.' ~ table['bronze'], dict(received, **place))) %}
        {% do statements.append(empty_view('silver.' ~ table['bronze'] ~ '_excluded', place)) %}
    {% endfor %}
    {% for name, table in tables.items() if not table['derived'] %}
        {% set place = {'_file': 'string', '_row': 'integer'} %}
        {% set received, kept = {}, {} %}
        {% for column in table['columns'] %}
            {% do received.update({column['name']: column['type']}) %}
            {% do kept.update({column['name']: column['becomes'] or column['type']}) %}
        {% endfor %}
        {% if table['business_date'] %}{% do kept.update({table['business_date']['name']: 'date'}) %}{% endif %}
        {% do kept.update({'ingestion_dt': 'date'}) %}
        {% do statements.append(empty_view('bronze.' ~ name, dict(received, **place))) %}
        {% do statements.append(empty_view('silver.' ~ name, kept)) %}
        {% do statements.append(empty_view('silver.' ~ name ~ '_checked', dict(kept, _reasons='strings', **place))) %}
    {% endfor %}
    {{ return(statements) }}
{% endmacro %}

{% macro empty_view(name, columns) %}
    {% set types = {
        'string': 'varchar', 'strings': 'varchar[]', 'integer': 'bigint', 'float': 'double',
        'money': 'decimal(18, 2)', 'boolean': 'boolean', 'timestamp': 'timestamp', 'date': 'date',
    } %}
    {% set nulls = [] %}
    {% for column, type in columns.items() %}
        {% do nulls.append('cast(null as ' ~ types[type] ~ ') as ' ~ column) %}
    {% endfor %}
    {{ return('create or replace view ' ~ name ~ ' as select ' ~ (nulls | join(', ')) ~ ' where false') }}
{% endmacro %}
