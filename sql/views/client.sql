-- Which client does a user agent name, on which runtime and which system?
--
-- A user agent is what the client says of itself: it can be forged, cut off after 1 KB, in
-- brackets, or absent. Its first 1,024 letters and 64 words are read, by patterns that take
-- linear time (RE2). client(user_agent) has the kinds that are the roles in `client_names`;
-- `unknown` where no word is known, under the first word there is, and `none` without any.
-- To parse a user agent once and not for every call, group by it first.

-- The words of a user agent, alike for the old and the new way of writing one:
-- `Python/3.12.1` and `lang/python#3.12.1` are both python/3.12.1.
CREATE OR REPLACE TEMP MACRO user_agent_words(user_agent) AS
    concat(' ', user_agent[:1024])
        .lower()
        .replace('(tm)', '')
        .translate('[](){},;"<>&#', '            /')
        -- ids of one run or one instance
        .regexp_replace('[_-]?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}', '', 'g')
        -- lang/go/1.18 is go/1.18
        .regexp_replace(' (?:os|lang|md)/([a-z.])', ' \1', 'g')
        -- .NET Framework/3.5 and .NET_Framework/3.5 are net_framework/3.5
        .regexp_replace(' \.net[ _](framework|runtime|core)', ' net_\1', 'g')
        -- Microsoft_Windows_NT_6.1.7601 is nt/6.1.7601
        .regexp_replace(' microsoft[ _]windows[ _](?:nt[ _])?([0-9])', ' nt/\1', 'g')
        -- OpenJDK_64-Bit_Server_VM/24.80-b11/1.7.0_80 is java_vm/24.80-b11 java/1.7.0_80
        .regexp_replace(' [^ /]*_vm/([0-9]+\.[0-9]+-b[0-9]+)', ' java_vm/\1', 'g')
        .regexp_replace(' (java_vm/[^ /]*)/([0-9])', ' \1 java/\2', 'g')
        -- (go1.19.3; linux) is go/1.19.3
        .regexp_replace(' go([0-9])', ' go/\1', 'g')
        -- linux/v14.20.0 is linux nodejs/14.20.0
        .regexp_replace(' (linux|darwin|win32|freebsd)/v([0-9])', ' \1 nodejs/\2', 'g')
        -- Android 4.4.2 is android/4.4.2
        .regexp_replace('([a-z]) ([0-9]+)([._ ]|$)', '\1/\2\3', 'g')
        .string_split(' ')
        .list_filter(lambda word: word != '')[:64];

CREATE OR REPLACE TEMP MACRO name_and_version(part) AS
    concat_ws(' ', part.name, part.version).nullif('');

-- What is known of a user agent's words, the most telling first, each name once.
CREATE OR REPLACE TEMP MACRO client_parts(user_agent) AS (
    SELECT
        list(
            struct_pack(role, name, version)
            ORDER BY
                list_position(
                    ['aws', 'sdk', 'library', 'tool', 'browser', 'runtime', 'os'], role
                ),
                place
        )
    FROM (
        SELECT
            names.role,
            coalesce(names.name, words.word) AS name,
            arg_min(words.version, (names.preference, words.position)) AS version,
            min((names.preference, words.position)) AS place
        FROM (
            SELECT
                split_part(part, '/', 1) AS word,
                split_part(part, '/', 2)
                    .regexp_extract('^v?([0-9](?:[0-9a-z.+-]|_[0-9]){0,63})', 1)
                    .nullif('') AS version,
                position
            FROM (
                SELECT
                    unnest(user_agent_words(user_agent)) AS part,
                    generate_subscripts(user_agent_words(user_agent), 1) AS position
            )
        ) AS words
        JOIN client_names AS names
            ON names.word
            = regexp_replace(words.word, '^.*\.amazonaws\.com(?:\.cn)?$', '*.amazonaws.com')
        GROUP BY ALL
    )
);

CREATE OR REPLACE TEMP MACRO client(user_agent) AS (
    SELECT
        struct_pack(
            kind := CASE
                WHEN parts[1].role != 'os' THEN parts[1].role
                WHEN regexp_matches(beginning, '[^ \[\]]') THEN 'unknown'
                ELSE 'none'
            END,
            name := coalesce(
                CASE WHEN parts[1].role != 'os' THEN parts[1].name END,
                nullif(regexp_extract(beginning, '[^ /\[\]]{1,64}'), '')
            ),
            version := CASE WHEN parts[1].role != 'os' THEN parts[1].version END,
            tool := name_and_version(
                list_filter(parts[2:], lambda part: part.role = 'tool')[1]
            ),
            runtime := list_filter(parts, lambda part: part.role = 'runtime')[1].name,
            runtime_version := list_filter(parts, lambda part: part.role = 'runtime')[1].version,
            os := name_and_version(list_filter(parts, lambda part: part.role = 'os')[1]),
            parts
        )
    FROM (SELECT user_agent[:1024] AS beginning, client_parts(user_agent) AS parts)
);

-- The numbers of a version, so that versions can be compared: 1.7.0_80 is [1, 7, 0, 80].
CREATE OR REPLACE TEMP MACRO version_numbers(version) AS
    regexp_extract_all(version, '[0-9]+')[:4]
        .list_transform(lambda digits: coalesce(try_cast(digits AS INTEGER), 2147483647));

-- Why a client uses old TLS, how that is fixed, and where it is written: the first row of
-- `client_fixes` that fits what client(user_agent) says.
CREATE OR REPLACE TEMP MACRO client_fix(client) AS (
    SELECT arg_min(struct_pack(why, fix, source), fixes.rank)
    FROM client_fixes AS fixes
    JOIN (
        SELECT part.name, version_numbers(part.version) AS version
        FROM (SELECT unnest(struct_extract(client, 'parts')) AS part)
        UNION ALL
        SELECT '<' || struct_extract(client, 'kind') || '>', NULL
    ) AS parts
        ON parts.name = fixes.part
        AND (fixes.since_version IS NULL OR parts.version >= fixes.since_version)
        AND (fixes.before_version IS NULL OR parts.version < fixes.before_version)
);
