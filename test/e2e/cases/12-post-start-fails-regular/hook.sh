# What somebody would do in an editor: the hook succeeds.
sed 's/- "7"/- "0"/' "$1" >"$1.new"
cat "$1.new" >"$1"
