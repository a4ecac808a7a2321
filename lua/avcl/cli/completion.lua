-- cli/completion.lua - `avcl completion SHELL`: the few lines that ask avcl at every Tab.
local M = {
  summary = 'Print the completion of a shell: verbs, scripts, their keys, rows, run ids.',
  example = 'source <(avcl completion bash)',
  examples = {
    { 'source <(avcl completion bash)', 'in ~/.bashrc' },
    { 'source <(avcl completion zsh)', 'in ~/.zshrc, after compinit' },
    { 'avcl completion fish > ~/.config/fish/completions/avcl.fish', 'once' },
  },
}

local scripts = {}

-- Bash splits words at `=` and `:` and wants the part behind the last; blanks within a
-- candidate are escaped.
scripts.bash = [=[
_avcl() {
    local line=${COMP_LINE:0:COMP_POINT} words current candidate
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    current=${words[-1]}
    COMPREPLY=()
    while IFS= read -r candidate; do
        [[ $COMP_WORDBREAKS == *=* && $current == *=* ]] && candidate=${candidate#*=}
        COMPREPLY+=("$(printf %q "$candidate")")
    done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
    [[ ${#COMPREPLY[@]} -gt 0 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
    return 0
}
complete -o default -F _avcl avcl
]=]

scripts.zsh = [=[
_avcl() {
    local -a found keys
    found=("${(@f)$(${words[1]} __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    found=("${(@)found:#}")
    keys=("${(@M)found:#*=}")
    found=("${(@)found:#*=}")
    (( $#keys )) && compadd -S '' -- "${keys[@]}"
    (( $#found )) && compadd -- "${found[@]}"
    (( $#keys + $#found )) || _files
}
compdef _avcl avcl
]=]

scripts.fish = [=[
function __avcl_complete
    set -l words (commandline -opc)
    set -l found ($words[1] __complete $words[2..-1] (commandline -ct) 2>/dev/null)
    if set -q found[1]
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c avcl -f -a '(__avcl_complete)'
]=]

function M.setup(command)
  command:argument('shell', 'bash, zsh or fish.'):choices { 'bash', 'zsh', 'fish' }
    :argname 'SHELL'
end

function M.run(args)
  io.write(scripts[args.shell])
end

return M
