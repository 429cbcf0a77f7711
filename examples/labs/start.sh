# Writes a program to start from into this directory, made from its solution:
#     sh examples/labs/start.sh python/client.py
#     sh examples/labs/start.sh python/server.py 1 2      exercises 1 and 2 are done
# From `TODO n` to `END n` the lines after `#-` or `//-` are what a student finds there; the others are the solution.
labs=$(dirname "$0")
solution=$labs/solutions/$1
program=$(basename "$1")
if [ ! -f "$solution" ]; then
    echo "start.sh: name one of" >&2
    (cd "$labs/solutions" && ls */* >&2)
    exit 2
fi
shift
set -C # what a student has written stays
awk -v solved=" $* " '
    BEGIN { comment = "^[ \t]*(#|//|/[*]) " }
    $0 ~ comment "END [0-9]" { hole = "" }
    hole != "" {
        is_given = $1 == "#-" || $1 == "//-"
        if (is_given == (index(solved, " " hole " ") > 0)) next
        if (is_given) sub(/(#|\/\/)- ?/, "")
        if ($0 !~ /[^ \t]/) $0 = ""
    }
    { print }
    $0 ~ comment "TODO [0-9]" { hole = $3 }
' "$solution" >"$program"
