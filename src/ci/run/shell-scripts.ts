/**
 * The two scripts behind a build's shell. Neither uses anything but builtins: a build may change PATH as it likes. Descriptor 7
 * brings the paths of scripts to run, 8 is where reports go; commands have neither, and whatever they do to their own output
 * does not touch them.
 */

/**
 * Keeps the shell alive: a command may end it by `exit`, `exec`, `set -e` or a signal, and the next command needs one that
 * continues where it was. What ended is reported here, after all it had written.
 *
 * $1 is the shell's directory, $2 the mark of reports; the rest starts the shell.
 */
export const SUPERVISOR = `exec 7<&3 3<&- 8>&1 2>&1
dir=$1 mark=$2
shift 2
while :; do
  "$@"
  status=$?
  if [ -e "$dir/closed" ] || ! [ -e "$dir/started" ]; then exit 0; fi
  printf '%s%s\\n' "$mark" "$status" >&8
done
`;

/** What a session script is made of. */
export interface SessionOptions {
  /** Absolute path of the shell's own directory. */
  readonly directory: string;
  readonly mark: string;
}

/**
 * Runs commands one after the other in one shell, bash or a POSIX sh. As in CodeBuild, where each command is a script that
 * begins with the variables and the directory that the one before left behind:
 * - plain variables are exported (`set -a`);
 * - options, as `set -e`, end with the command;
 * - so does what it did to its own input and output, and an EXIT trap, which runs then.
 *
 * After each command, and when a command ends the shell, all variables and the directory (in bash the functions too) are
 * written to a file; a shell that is started anew takes them from there.
 */
export function sessionScript({ directory, mark }: SessionOptions): string {
  return `if [ -r ${quoted(`${directory}/state`)} ]; then
  . ${quoted(`${directory}/state`)} >/dev/null 2>&1
  cd -- "$PWD" 2>/dev/null || cd /
fi
__lw_dir=${quoted(directory)} __lw_mark=${quoted(mark)} __lw_options= __lw_status= __lw_trap=
if [ -n "\${BASH_VERSION-}" ]; then __lw_options=$(set +o); fi
__lw_end() {
  set +abCefuvx
  eval "$__lw_options"
  __lw_status=$1
  if [ -n "\${BASH_VERSION-}" ]; then
    { declare -p; declare -f; declare -F; } >|"$__lw_dir/state"
  else
    { set; export -p; } >|"$__lw_dir/state"
  fi
}
trap '{ __lw_end "$?"; exit "$__lw_status"; } 2>/dev/null' EXIT
printf '%s' "$$" >|"$__lw_dir/started"
while IFS= read -r __lw_file <&7; do
  set -a
  . "$__lw_file" 7<&- 8>&-
  { __lw_end "$?"; trap >|"$__lw_dir/traps"; __lw_trap=; } 2>/dev/null
  IFS= read -r __lw_trap <"$__lw_dir/traps"
  case $__lw_trap in
    *__lw_end*) printf '%s%s\\n' "$__lw_mark" "$__lw_status" >&8 ;;
    *) exit "$__lw_status" ;;
  esac
  exec </dev/null >&8 2>&8
done
: >|"$__lw_dir/closed"
`;
}

/** Text for a POSIX shell, exactly as it is. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
