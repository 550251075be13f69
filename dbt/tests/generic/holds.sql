{#
    Rules that must be true of each row: {name of the rule: condition}. All rules of a model are one
    test, because every test is a node of the run. A condition that is NULL does not hold, so a
    figure that may be missing says so itself. Returns each broken rule with the row that breaks it.
#}
{% test holds(model, rules) %}
    {% for name, condition in rules.items() %}
        select
            '{{ name }}' as broken_rule,
            fact.*
        from {{ model }} as fact
        where ({{ condition }}) is not true
        {{ 'union all' if not loop.last }}
    {% endfor %}
{% endtest %}
