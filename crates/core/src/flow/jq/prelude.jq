# Functions of jq that jaq does not have.
def toarray: if isarray then . else [.] end;
def ascii: [.] | implode;
def trimstr($x): ltrimstr($x) | rtrimstr($x);
def leaf_paths: paths(scalars);

# Membership and tables.
def IN(s): any(s == .; .);
def IN(src; s): any(src == s; .);
def INDEX(stream; key): reduce stream as $row ({}; .[$row | key | tostring] |= $row);
def INDEX(key): INDEX(.[]; key);

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
