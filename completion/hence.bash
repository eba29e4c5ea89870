# bash completion for hence. The words come from `hence --help` and `hence COMMAND --help`, so that
# they are always those of the program that is installed.

_hence() {
    local cur=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]} words
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        words=$("$program" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p')
        mapfile -t COMPREPLY < <(compgen -W "$words --help --version" -- "$cur")
    elif [[ $cur == -* ]]; then
        words=$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null |
            grep -o -E -e '(^|[ ,])--?[a-z][a-z-]*' | tr -d ' ,')
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    fi
}

# Files, where there is nothing better to offer.
complete -o default -F _hence hence
