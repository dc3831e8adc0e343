-- What do the functions of CloudTrail Lake's and Athena's SQL, which is Trino's, mean in DuckDB?
--
-- analyzer/dialect.py calls these by the schema's name, so that DuckDB's own functions of the
-- same names stay what they are. Times are TIMESTAMP, UTC, also where Trino carries a zone.
CREATE SCHEMA IF NOT EXISTS trino;

-- ------------------------------------------------------------------ text
CREATE OR REPLACE MACRO trino.split(text, delimiter) AS str_split(text, delimiter),
    (text, delimiter, most) AS CASE
        WHEN len(str_split(text, delimiter)) <= most THEN str_split(text, delimiter)
        ELSE list_append(
            str_split(text, delimiter)[:most - 1],
            array_to_string(str_split(text, delimiter)[most:], delimiter)
        )
    END;
CREATE OR REPLACE MACRO trino.split_part(text, delimiter, spot) AS
    str_split(text, delimiter)[spot];
CREATE OR REPLACE MACRO trino.split_to_map(text, entries, pair) AS map_from_entries(
    list_transform(
        str_split(text, entries),
        lambda entry: {'k': str_split(entry, pair)[1], 'v': str_split(entry, pair)[2]}
    )
);
CREATE OR REPLACE MACRO trino.replace(text, what) AS replace(text, what, ''),
    (text, what, instead) AS replace(text, what, instead);
CREATE OR REPLACE MACRO trino.from_utf8(bytes) AS decode(bytes);
CREATE OR REPLACE MACRO trino.to_utf8(text) AS encode(text);
CREATE OR REPLACE MACRO trino.to_hex(bytes) AS hex(bytes);
CREATE OR REPLACE MACRO trino.from_hex(text) AS unhex(text);
CREATE OR REPLACE MACRO trino.sha1(bytes) AS unhex(sha1(bytes));
CREATE OR REPLACE MACRO trino.md5(bytes) AS unhex(md5(bytes));
CREATE OR REPLACE MACRO trino.sha256(bytes) AS unhex(sha256(bytes));
CREATE OR REPLACE MACRO trino.levenshtein_distance(a, b) AS levenshtein(a, b);
CREATE OR REPLACE MACRO trino.hamming_distance(a, b) AS hamming(a, b);
CREATE OR REPLACE MACRO trino.codepoint(letter) AS unicode(letter);
CREATE OR REPLACE MACRO trino.normalize(text) AS nfc_normalize(text);
CREATE OR REPLACE MACRO trino.repeat(item, times) AS
    list_transform(generate_series(1, times), lambda place: item);
CREATE OR REPLACE MACRO trino.url_extract_host(url) AS
    nullif(regexp_extract(url, '^[a-zA-Z][^:/?#]*://(?:[^/?#@]*@)?([^:/?#]*)', 1), '');
CREATE OR REPLACE MACRO trino.url_extract_protocol(url) AS
    nullif(regexp_extract(url, '^([a-zA-Z][^:/?#]*):', 1), '');
CREATE OR REPLACE MACRO trino.url_extract_port(url) AS
    try_cast(regexp_extract(url, '^[a-zA-Z][^:/?#]*://[^/?#]*:(\d+)(?:[/?#]|$)', 1) AS BIGINT);
CREATE OR REPLACE MACRO trino.url_extract_path(url) AS
    regexp_extract(url, '^[a-zA-Z][^:/?#]*://[^/?#]*([^?#]*)', 1);
CREATE OR REPLACE MACRO trino.url_extract_query(url) AS
    nullif(regexp_extract(url, '\?([^#]*)', 1), '');

CREATE OR REPLACE MACRO trino.url_extract_fragment(url) AS
    nullif(regexp_extract(url, '#(.*)$', 1), '');
CREATE OR REPLACE MACRO trino.url_extract_parameter(url, name) AS
    CASE WHEN regexp_matches(url, '[?&]' || name || '=')
    THEN url_decode(regexp_extract(url, '[?&]' || name || '=([^&#]*)', 1)) END;

-- ------------------------------------------------------------------ regular expressions
-- RE2, which DuckDB has, looks neither ahead nor behind; a named group is `(?P<name>` in it.
CREATE OR REPLACE MACRO trino.pattern(pattern) AS
    regexp_replace(pattern, '\(\?<([A-Za-z])', '(?P<\1', 'g');
CREATE OR REPLACE MACRO trino.regexp_like(text, pattern) AS
    regexp_matches(text, trino.pattern(pattern));
CREATE OR REPLACE MACRO trino.regexp_extract(text, pattern) AS
    CASE WHEN regexp_matches(text, trino.pattern(pattern))
    THEN regexp_extract(text, trino.pattern(pattern)) END,
    (text, pattern, part) AS
    CASE WHEN regexp_matches(text, trino.pattern(pattern))
    THEN regexp_extract(text, trino.pattern(pattern), part) END;
CREATE OR REPLACE MACRO trino.regexp_extract_all(text, pattern) AS
    regexp_extract_all(text, trino.pattern(pattern)),
    (text, pattern, part) AS regexp_extract_all(text, trino.pattern(pattern), part);
CREATE OR REPLACE MACRO trino.regexp_replace(text, pattern) AS
    regexp_replace(text, trino.pattern(pattern), '', 'g'),
    (text, pattern, instead) AS regexp_replace(
        text, trino.pattern(pattern), regexp_replace(instead, '\$(\d)', '\\\1', 'g'), 'g'
    );
CREATE OR REPLACE MACRO trino.regexp_split(text, pattern) AS
    string_split_regex(text, trino.pattern(pattern));
CREATE OR REPLACE MACRO trino.regexp_count(text, pattern) AS
    len(regexp_extract_all(text, trino.pattern(pattern)));

-- ------------------------------------------------------------------ JSON
-- Trino takes JSON as text, and says NULL of what is none; here a map is taken as well. Its paths also have the forms
-- $['a'] and $["a"], and begin with `lax` or `strict` in json_value and its kin.
CREATE OR REPLACE MACRO trino.json_path(path) AS regexp_replace(
    regexp_replace(path, '^\s*(lax|strict)\s+', ''),
    '\.?\[\s*["'']([^"'']*)["'']\s*\]', '."\1"', 'g'
);
CREATE OR REPLACE MACRO trino.json_of(value) AS CASE
    WHEN starts_with(typeof(value), 'MAP(') THEN to_json(value)
    WHEN typeof(value) = 'JSON' OR json_valid(value::VARCHAR) THEN value::VARCHAR::JSON
END;
CREATE OR REPLACE MACRO trino.json_extract(value, path) AS
    json_extract(trino.json_of(value), trino.json_path(path));
CREATE OR REPLACE MACRO trino.json_extract_all(value, path) AS
    to_json(json_extract(trino.json_of(value), trino.json_path(path)));
CREATE OR REPLACE MACRO trino.json_extract_scalar(value, path) AS CASE
    WHEN json_type(trino.json_of(value), trino.json_path(path)) NOT IN ('OBJECT', 'ARRAY')
    THEN json_extract_string(trino.json_of(value), trino.json_path(path))
END;
CREATE OR REPLACE MACRO trino.json_value(value, path) AS trino.json_extract_scalar(value, path);
CREATE OR REPLACE MACRO trino.json_query(value, path) AS
    trino.json_extract(value, path)::VARCHAR;
CREATE OR REPLACE MACRO trino.json_exists(value, path) AS
    json_exists(trino.json_of(value), trino.json_path(path));
CREATE OR REPLACE MACRO trino.json_parse(text) AS text::JSON;
CREATE OR REPLACE MACRO trino.json_format(value) AS value::JSON::VARCHAR;
CREATE OR REPLACE MACRO trino.json_size(value, path) AS CASE
    json_type(trino.json_of(value), trino.json_path(path))
    WHEN 'OBJECT' THEN len(json_keys(trino.json_of(value), trino.json_path(path)))
    WHEN 'ARRAY' THEN json_array_length(trino.json_of(value), trino.json_path(path))
    ELSE CASE WHEN json_exists(trino.json_of(value), trino.json_path(path)) THEN 0 END
END;
CREATE OR REPLACE MACRO trino.json_array_length(value) AS CASE
    WHEN json_type(trino.json_of(value)) = 'ARRAY' THEN json_array_length(trino.json_of(value))
END;
CREATE OR REPLACE MACRO trino.json_array_get(value, spot) AS
    trino.json_of(value) -> spot;
CREATE OR REPLACE MACRO trino.json_member(object, name) AS json_extract(
    object, '$."' || list_filter(json_keys(object), lambda each: lower(each) = lower(name))[1] || '"'
);
CREATE OR REPLACE MACRO trino.json_array_contains(value, item) AS
    list_contains(from_json(trino.json_of(value), '["VARCHAR"]'), item::VARCHAR);
CREATE OR REPLACE MACRO trino.is_json_scalar(value) AS
    json_type(trino.json_of(value)) NOT IN ('OBJECT', 'ARRAY');
-- A cast: of JSON to VARCHAR is the text without its quotes, of VARCHAR to JSON a JSON text.
CREATE OR REPLACE MACRO trino.to_varchar(value) AS CASE
    WHEN typeof(value) = 'JSON' THEN json_extract_string(to_json(value), '$')
    -- The times of records are of milliseconds in Trino, and are written with them.
    WHEN typeof(value) = 'TIMESTAMP' THEN strftime(try_cast(value::VARCHAR AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%g')
    ELSE value::VARCHAR
END;

-- ------------------------------------------------------------------ times
CREATE OR REPLACE MACRO trino.utc(value) AS CASE
    WHEN typeof(value) IN ('VARCHAR', 'TIMESTAMP WITH TIME ZONE')
    THEN make_timestamp(epoch_us(value::VARCHAR::TIMESTAMPTZ))
    ELSE value::TIMESTAMP
END;
CREATE OR REPLACE MACRO trino.from_iso8601_timestamp(text) AS trino.utc(text);
CREATE OR REPLACE MACRO trino.from_iso8601_timestamp_nanos(text) AS trino.utc(text);
CREATE OR REPLACE MACRO trino.from_iso8601_date(text) AS text::DATE;
CREATE OR REPLACE MACRO trino.to_iso8601(value) AS CASE
    WHEN typeof(value) = 'DATE' THEN strftime(value::DATE, '%Y-%m-%d')
    ELSE strftime(trino.utc(value), '%Y-%m-%dT%H:%M:%S.%gZ')
END;
CREATE OR REPLACE MACRO trino.from_unixtime(seconds) AS
    make_timestamp((seconds::DOUBLE * 1000000)::BIGINT),
    (seconds, zone) AS
    timezone(zone, timezone('UTC', make_timestamp((seconds::DOUBLE * 1000000)::BIGINT)));
CREATE OR REPLACE MACRO trino.to_milliseconds(span) AS epoch_ms(span);
CREATE OR REPLACE MACRO trino.from_unixtime_nanos(nanoseconds) AS
    make_timestamp((nanoseconds // 1000)::BIGINT);
CREATE OR REPLACE MACRO trino.to_unixtime(value) AS epoch(trino.utc(value));
CREATE OR REPLACE MACRO trino.current_timezone() AS 'UTC';
CREATE OR REPLACE MACRO trino.at_timezone(value, zone) AS
    timezone(zone, timezone('UTC', trino.utc(value)));
CREATE OR REPLACE MACRO trino.with_timezone(value, zone) AS
    timezone('UTC', timezone(zone, value::TIMESTAMP));
CREATE OR REPLACE MACRO trino.date_diff(unit, first, last) AS
    date_sub(unit, trino.utc(first), trino.utc(last));
CREATE OR REPLACE MACRO trino.day_of_week(value) AS isodow(trino.utc(value));
CREATE OR REPLACE MACRO trino.dow(value) AS isodow(trino.utc(value));
CREATE OR REPLACE MACRO trino.day_of_month(value) AS day(trino.utc(value));
CREATE OR REPLACE MACRO trino.day_of_year(value) AS dayofyear(trino.utc(value));
CREATE OR REPLACE MACRO trino.doy(value) AS dayofyear(trino.utc(value));
CREATE OR REPLACE MACRO trino.week(value) AS week(trino.utc(value));
CREATE OR REPLACE MACRO trino.week_of_year(value) AS week(trino.utc(value));
CREATE OR REPLACE MACRO trino.year_of_week(value) AS isoyear(trino.utc(value));
CREATE OR REPLACE MACRO trino.yow(value) AS isoyear(trino.utc(value));
CREATE OR REPLACE MACRO trino.millisecond(value) AS millisecond(trino.utc(value)) % 1000;
CREATE OR REPLACE MACRO trino.last_day_of_month(value) AS last_day(trino.utc(value));

-- ------------------------------------------------------------------ arrays and maps
CREATE OR REPLACE MACRO trino.cardinality(container) AS
    CASE WHEN container IS NOT NULL THEN json_array_length(CASE
        WHEN starts_with(typeof(container), 'MAP(') THEN json_keys(to_json(container))::JSON
        ELSE to_json(container) END)::BIGINT
    END;
CREATE OR REPLACE MACRO trino.contains(items, item) AS list_contains(items, item);
CREATE OR REPLACE MACRO trino.array_position(items, item) AS
    coalesce(list_position(items, item), 0);
CREATE OR REPLACE MACRO trino.array_distinct(items) AS
    list_filter(items, lambda item, place: list_position(items, item) = place);
CREATE OR REPLACE MACRO trino.array_sort(items) AS list_sort(items, 'ASC', 'NULLS LAST');
CREATE OR REPLACE MACRO trino.array_max(items) AS list_max(items);
CREATE OR REPLACE MACRO trino.array_min(items) AS list_min(items);
CREATE OR REPLACE MACRO trino.array_sum(items) AS list_sum(items);
CREATE OR REPLACE MACRO trino.array_average(items) AS list_avg(items);
CREATE OR REPLACE MACRO trino.array_remove(items, item) AS
    list_filter(items, lambda each: each IS DISTINCT FROM item);
CREATE OR REPLACE MACRO trino.array_join(items, delimiter) AS
    array_to_string(items, delimiter),
    (items, delimiter, instead) AS array_to_string(
        list_transform(items, lambda each: coalesce(each::VARCHAR, instead)), delimiter
    );
CREATE OR REPLACE MACRO trino.array_union(a, b) AS trino.array_distinct(list_concat(a, b));
CREATE OR REPLACE MACRO trino.array_intersect(a, b) AS
    trino.array_distinct(list_filter(a, lambda each: list_contains(b, each)));
CREATE OR REPLACE MACRO trino.array_except(a, b) AS
    trino.array_distinct(list_filter(a, lambda each: NOT list_contains(b, each)));
CREATE OR REPLACE MACRO trino.arrays_overlap(a, b) AS list_has_any(a, b);
CREATE OR REPLACE MACRO trino.slice(items, first, length) AS items[first:first + length - 1];
CREATE OR REPLACE MACRO trino.trim_array(items, count) AS items[:len(items) - count];
CREATE OR REPLACE MACRO trino.array_first(items) AS items[1];
CREATE OR REPLACE MACRO trino.array_last(items) AS items[-1];
CREATE OR REPLACE MACRO trino.array_frequency(items) AS list_histogram(items);
CREATE OR REPLACE MACRO trino.array_has_duplicates(items) AS
    len(items) > len(list_distinct(items));
CREATE OR REPLACE MACRO trino.contains_sequence(items, sought) AS
    len(sought) = 0 OR len(list_filter(
        items, lambda item, place: items[place:place + len(sought) - 1] = sought
    )) > 0;
CREATE OR REPLACE MACRO trino.sequence(first, last) AS generate_series(first, last),
    (first, last, step) AS generate_series(first, last, step);
CREATE OR REPLACE MACRO trino.zip(a, b) AS list_zip(a, b);
-- The map of a list of {k, v}: the first value of each key.
CREATE OR REPLACE MACRO trino.map_of(entries) AS map_from_entries(
    list_filter(
        entries,
        lambda entry, place: list_position(
            list_transform(entries, lambda each: each.k), entry.k
        ) = place
    )
);
-- The same, with all values of each key; and of a list of maps.
CREATE OR REPLACE MACRO trino.multimap_of(entries) AS map_from_entries(
    list_transform(
        list_distinct(list_transform(entries, lambda each: each.k)),
        lambda key: {
            'k': key,
            'v': list_transform(
                list_filter(entries, lambda each: each.k = key), lambda each: each.v
            )
        }
    )
);
CREATE OR REPLACE MACRO trino.map_union_of(maps) AS trino.map_of(
    flatten(list_transform(
        maps,
        lambda each: list_transform(
            map_entries(each), lambda entry: {'k': entry.key, 'v': entry.value}
        )
    ))
);

-- ------------------------------------------------------------------ numbers
CREATE OR REPLACE MACRO trino.e() AS exp(1);
CREATE OR REPLACE MACRO trino.nan() AS 'nan'::DOUBLE;
CREATE OR REPLACE MACRO trino.infinity() AS 'infinity'::DOUBLE;
CREATE OR REPLACE MACRO trino.is_nan(value) AS isnan(value);
CREATE OR REPLACE MACRO trino.random(below) AS floor(random() * below)::BIGINT;
CREATE OR REPLACE MACRO trino.bitwise_left_shift(value, places) AS value << places;
CREATE OR REPLACE MACRO trino.bitwise_right_shift(value, places) AS value >> places;

-- ------------------------------------------------------------------ addresses
-- An IPADDRESS is the number of an IPv6 address; an IPv4 address is the one that it is mapped to.
-- What is no address is NULL, also where Trino would refuse it.
CREATE OR REPLACE MACRO trino.ipv6_groups(text) AS list_transform(
    CASE WHEN contains(text, '::') THEN list_concat(
        list_filter(str_split(split_part(text, '::', 1), ':'), lambda each: each <> ''),
        list_transform(
            generate_series(1, 9 - len(list_filter(str_split(text, ':'), lambda each: each <> ''))),
            lambda place: '0'
        )[2:],
        list_filter(str_split(split_part(text, '::', 2), ':'), lambda each: each <> '')
    ) ELSE str_split(text, ':') END,
    lambda each: ('0x' || each)::UHUGEINT
);
CREATE OR REPLACE MACRO trino.ipaddress(text) AS CASE
    WHEN regexp_matches(text, '^((25[0-5]|2[0-4]\d|1?\d?\d)(\.|$)){4}$')
    THEN 281470681743360::UHUGEINT + list_reduce(
        list_transform(str_split(text, '.'), lambda each: each::UHUGEINT),
        lambda above, each: above * 256 + each
    )
    WHEN regexp_matches(text, '^[0-9a-fA-F:]*:[0-9a-fA-F:]*$')
    THEN TRY(list_reduce(
        trino.ipv6_groups(text), lambda above, each: above * 65536 + each
    ))
END;
CREATE OR REPLACE MACRO trino.network_size(network) AS pow(
    2, CASE WHEN contains(network, ':') THEN 128 ELSE 32 END - split_part(network, '/', 2)::INTEGER
)::UHUGEINT;
CREATE OR REPLACE MACRO trino.contains_address(network, address) AS
    trino.ipaddress(split_part(network, '/', 1)) // trino.network_size(network)
    = address // trino.network_size(network);
