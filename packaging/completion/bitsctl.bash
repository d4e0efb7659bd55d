# SPDX-License-Identifier: Apache-2.0
# bash completion for bitsctl: the program itself knows the candidates.
_bitsctl()
{
        local cur words cword line
        local -a candidates=()

        # Words as typed: "=" and ":" stand in addresses and options.
        if declare -F _get_comp_words_by_ref > /dev/null; then
                _get_comp_words_by_ref -n =: cur words cword
        else
                cur=${COMP_WORDS[COMP_CWORD]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
        fi
        COMPREPLY=()
        while IFS= read -r line; do
                if [[ $line == :files ]]; then
                        compopt -o default
                        return
                fi
                candidates+=("$(printf %q "$line")")
        done < <("${words[0]}" __complete "${words[@]:1:cword}" 2> /dev/null)
        COMPREPLY=("${candidates[@]}")
        if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == --*= ]]; then
                compopt -o nospace
        fi
        if declare -F __ltrim_colon_completions > /dev/null; then
                __ltrim_colon_completions "$cur"
        fi
}
complete -F _bitsctl bitsctl
