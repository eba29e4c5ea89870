# fish completion for hence. The words come from `hence --help` and `hence COMMAND --help`, so that
# they are always those of the program that is installed.

function __hence_options
    set -l command (commandline -opc)[2]
    hence $command --help 2>/dev/null | string match -r -a -g -- '(?:^|[ ,])(--?[a-z][a-z-]*)'
end

complete -c hence -n __fish_use_subcommand -f \
    -a "(hence --help 2>/dev/null | string replace -r -f '^  ([a-z]+)  +(.*)' '\$1\t\$2')"
complete -c hence -n 'not __fish_use_subcommand; and string match -q -- "-*" (commandline -ct)' \
    -a '(__hence_options)'
