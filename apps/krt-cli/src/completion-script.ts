export type Shell = 'bash' | 'zsh' | 'fish';

/** The script that connects a shell's completion to `krt __complete`. */
export function completionScript(shell: Shell): string {
  return scripts[shell];
}

const bash = `# bash completion for krt. Load it with: source <(krt completion bash)
_krt_complete() {
  local line directive=0 candidate words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  local current="\${COMP_WORDS[COMP_CWORD]}"
  # bash splits --flag=value into three words; krt wants one.
  local joined=() i
  for ((i = 0; i < \${#words[@]}; i++)); do
    if [[ \${words[i]} == "=" && \${#joined[@]} -gt 0 ]]; then
      joined[-1]+="="
      ((i + 1 < \${#words[@]})) && joined[-1]+="\${words[++i]}"
    else
      joined+=("\${words[i]}")
    fi
  done
  [[ $current == "=" ]] && current=""
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :[0-9]*) directive=\${line#:} ;;
      *)
        candidate=\${line%%$'\\t'*}
        # Of --flag=value only the value is still to be typed.
        [[ \${joined[-1]} == -*=* && $candidate == -*=* ]] && candidate=\${candidate#*=}
        COMPREPLY+=("$candidate")
        ;;
    esac
  done < <("\${COMP_WORDS[0]}" __complete "\${joined[@]}" 2>/dev/null)
  if ((directive & 2)); then
    compopt -o nospace 2>/dev/null
  fi
  if ((\${#COMPREPLY[@]} == 0 && !(directive & 4))); then
    compopt -o filenames 2>/dev/null
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
  fi
}
complete -F _krt_complete krt
`;

const zsh = `#compdef krt
# zsh completion for krt. Load it with: source <(krt completion zsh)
_krt() {
  local -a lines candidates
  local line directive=0
  lines=("\${(@f)$("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  for line in $lines; do
    if [[ $line == :<-> ]]; then
      directive=\${line#:}
    elif [[ -n $line ]]; then
      # _describe separates value and description by a colon.
      line=\${line//:/\\\\:}
      candidates+=("\${line/$'\\t'/:}")
    fi
  done
  local -a options
  (( directive & 2 )) && options=(-S '')
  if (( \${#candidates} )); then
    _describe -V krt candidates $options
  elif (( ! (directive & 4) )); then
    _files
  fi
}
if [[ \${funcstack[1]} == _krt ]]; then
  _krt
else
  compdef _krt krt
fi
`;

const fish = `# fish completion for krt. Load it with: krt completion fish | source
function __krt_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines (krt __complete $words[2..-1] "$current" 2>/dev/null)
    set -l directive (string replace -r '^:' '' -- $lines[-1])
    if test (count $lines) -gt 1
        printf '%s\\n' $lines[1..-2]
    else if test (math "bitand($directive, 4)") -eq 0
        __fish_complete_path "$current"
    end
end
complete -c krt -f -a '(__krt_complete)'
`;

const scripts: Readonly<Record<Shell, string>> = {bash, zsh, fish};
