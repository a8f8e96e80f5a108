# completion.bash - completes `anycann` in bash, from what `anycann help` says: a line of it is
# "  VERB [--option ...] ...". Source it, or let bash-completion find it by its name.
_anycann() {
    local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]-}
    local last=${COMP_WORDS[COMP_CWORD - 1]} help choices
    COMPREPLY=()
    help=$("$program" help 2>/dev/null) || return 0
    if [ "$COMP_CWORD" -eq 1 ]; then
        choices=$(sed -n 's/^  \([a-z-][^ ]*\).*/\1/p' <<<"$help")
    elif [ "${word#-}" != "$word" ]; then
        choices=$(sed -n "s/^  $verb //p" <<<"$help" | grep -o -e '--[a-z-]*')
    else
        case $verb:$last in
        *:--python) COMPREPLY=($(compgen -f -- "$word")) && return 0 ;;
        run:* | trace:*) COMPREPLY=($(compgen -c -- "$word")) && return 0 ;;
        coverage:--client) choices='torch_npu onnxruntime-cann' ;;
        ops:*) choices=$("$program" ops | sed -n '2,$s/ .*//p') ;;
        report:*) choices=last ;;
        help:*) choices=$(sed -n 's/^  \([a-z-][^ ]*\).*/\1/p' <<<"$help") ;;
        *) return 0 ;;
        esac
    fi
    COMPREPLY=($(compgen -W "$choices" -- "$word"))
}
complete -o default -F _anycann anycann
