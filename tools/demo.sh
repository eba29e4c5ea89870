#!/bin/sh
# Asks the starter model one real question and says what to try next. Usage: tools/demo.sh HENCE
set -eu
cd "$(dirname "$0")/.."
hence=$1
model=models/starter-chat.gguf
segments=models/starter-segments.json
customers=models/starter-customers.csv
recommender=models/starter-recommender
question='Write a subject line for a waterproof tent, in a friendly tone.'

show() { # prints a command as one would type it, then runs it
    printf '$'
    for word; do
        case $word in *[!A-Za-z0-9_./=-]*) printf ' "%s"' "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
    "$@"
}

printf '\nThis is hence %s with its starter model, a small one that speaks for an outdoor shop.\n\n' \
    "$("$hence" --version | awk '{ print $2; exit }')"
show "$hence" run -m $model --chat -p "$question"

printf '\nThe shop also knows what goes with what. After looking at a tent and a sleeping bag:\n\n'
show "$hence" recommend -m $recommender --events TN-102,SB-107 --available -k 5 --why
printf '\nAnd what kind of customer somebody is, from what they looked at and bought:\n\n'
printf '$ %s predict -m %s --csv %s --keep customer | cut -d, -f1,2\n' "$hence" $segments $customers
"$hence" predict -m $segments --csv $customers --keep customer | cut -d, -f1,2
cat <<END

All that was computed on this machine, from what is in models/. To go on:

  $hence chat -m $model                    talk to it
  $hence inspect $model                    what is in the file, and the memory it needs
  $hence run -m FILE.gguf "..."            any other model: GGUF or a Hugging Face directory
  $hence serve -m chat=$model -m shop=$recommender -m segments=$segments    all for others, through HTTP
  $hence bench -m $model -p 512 -n 128     how fast it is here
  $hence --help                            everything else
  make test                                     what shows that it works
END
