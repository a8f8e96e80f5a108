# set_env.sh - makes this shell's programs find the toolkit that this file lies in. Source it:
#     source set_env.sh                          bash, zsh
#     eval "$(.../bin/anycann env --export)"     any shell; sh and dash cannot tell where a sourced
#                                                file lies
# May be sourced again, after another toolkit's, and under `set -eu`. What is set: src/tools/toolkit.c.
_anycann_file=
if [ -n "${BASH_VERSION:-}" ]; then
    _anycann_file=$BASH_SOURCE
elif [ -n "${ZSH_VERSION:-}" ]; then
    eval '_anycann_file=${(%):-%x}'
fi
if [ -n "$_anycann_file" ] && _anycann_file=$(CDPATH= cd -- "$(dirname -- "$_anycann_file")" && pwd -P) &&
    _anycann_file=$("$_anycann_file/bin/anycann" env --export); then
    eval "$_anycann_file"
    unset _anycann_file
else
    unset _anycann_file
    echo 'set_env.sh: this shell cannot tell where the file lies; use: eval "$(DIR/bin/anycann env --export)"' >&2
    return 1
fi
