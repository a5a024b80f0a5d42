# Functions that jaq does not have, or that have another result than in jq.
def toarray: if isarray then . else [.] end;
def ascii: [.] | implode;
def leaf_paths: paths(scalars);

# Membership and tables.
def IN(s): any(s == .; .);
def IN(src; s): any(src == s; .);
def INDEX(stream; key): reduce stream as $row ({}; .[$row | key | tostring] |= $row);
def INDEX(key): INDEX(.[]; key);
def JOIN($index; key): [.[] | [., $index[key]]];
def JOIN($index; stream; key): stream | [., $index[key]];
def JOIN($index; stream; key; merge): stream | [., $index[key]] | merge;

# Other values than text pass unchanged.
def ltrimstr($x): if isstring and ($x | isstring) and startswith($x) then .[($x | length):] else . end;
def rtrimstr($x): if isstring and ($x | isstring) and $x != "" and endswith($x) then .[:-($x | length)] else . end;
def trimstr($x): ltrimstr($x) | rtrimstr($x);

# Null is the empty text.
def join($x): reduce .[] as $item (null; (if . == null then "" else . + $x end)
    + ($item | if . == null then "" elif isboolean or isnumber then tostring else . end)) // "";

# The last path is deleted first, so that the others keep their place.
def delpaths($paths): reduce ($paths | sort | reverse | .[]) as $path (.; getpath($path) |= empty);
def del(f): delpaths([path(f)]);

# Entries with `name` or `k`, and keys that are not text.
def from_entries: reduce .[] as $entry ({}; . + {
    ($entry | if .key == null then .k // .name // .Name // .K // .Key else .key end
        | if isstring then . else tojson end):
    ($entry | if has("value") then .value elif has("v") then .v else .Value end)});
def with_entries(f): to_entries | map(f) | from_entries;

# Dates.
def date: todate;
def dateadd(u; n): . + n;
def datesub(u; n): . - n;

# Tables as text.
def @csv: [.[] | if isstring then "\"" + gsub("\""; "\"\"") + "\""
    elif . == null then ""
    elif isnumber or isboolean then tostring
    else error("\(type) is not valid in a CSV row") end] | join(",");
def @tsv: [.[] | if isstring then gsub("\\\\"; "\\\\") | gsub("\t"; "\\t") | gsub("\n"; "\\n") | gsub("\r"; "\\r")
    elif . == null then ""
    elif isnumber or isboolean then tostring
    else error("\(type) is not valid in a TSV row") end] | join("\t");
