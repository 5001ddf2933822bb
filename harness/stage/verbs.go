package stage

import "maps"

// Verb is one instruction for the probe task. docs/contract.md lists what each
// verb does and gives back. A verb that fails ends the task, unless Catch.
type Verb map[string]any

// Verbs is a list of verbs in the order in which the probe follows them.
func Verbs(verbs ...Verb) []Verb { return verbs }

// With returns the verb with one more argument.
func (v Verb) With(argument string, value any) Verb {
	v = maps.Clone(v)
	v[argument] = value
	return v
}

// Save makes the probe push the verb's result as its own XCom; see Run.Result.
func (v Verb) Save(key string) Verb { return v.With("save", key) }

// Catch turns a failure of the verb into the result {"error", "message"} and
// lets the probe go on.
func (v Verb) Catch() Verb { return v.With("catch", true) }

func do(name string) Verb { return Verb{"do": name} }

// WhoAmI claims ids and groups; for evidence read proc.Process.
func WhoAmI() Verb { return do("whoami") }

// PushXCom pushes value under key of the task itself.
func PushXCom(key string, value any) Verb {
	return do("push_xcom").With("key", key).With("value", value)
}

// PullXCom pulls key of a task of the same Dag run; With("run_id", ...) names another, With("map_index", ...) one of a mapped task.
func PullXCom(taskID, key string) Verb {
	return do("pull_xcom").With("task_id", taskID).With("key", key)
}

// DeleteXCom deletes the task's own XCom.
func DeleteXCom(key string) Verb { return do("delete_xcom").With("key", key) }

// GetConnection gets a connection as a map.
func GetConnection(id string) Verb { return do("get_connection").With("conn_id", id) }

// GetVariable gets a variable; an absent one is an error.
func GetVariable(key string) Verb { return do("get_variable").With("key", key) }

// PutVariable sets a variable.
func PutVariable(key, value string) Verb {
	return do("put_variable").With("key", key).With("value", value)
}

// DeleteVariable deletes a variable.
func DeleteVariable(key string) Verb { return do("delete_variable").With("key", key) }

// MaskSecret makes the value, or each text in it, a secret; With("name", ...) says what
// it is, and decides whether it is one.
func MaskSecret(value any) Verb { return do("mask_secret").With("value", value) }

// Setting gives the effective value of one configuration option, as text.
func Setting(section, key string) Verb {
	return do("setting").With("section", section).With("key", key)
}

// ReadFile reads a file and gives {"size", "sha256"}.
func ReadFile(path string) Verb { return do("read_file").With("path", path) }

// WriteFile writes text to a new file and gives {"mode"}.
func WriteFile(path, text string) Verb { return do("write_file").With("path", path).With("text", text) }

// ListEnvironment gives the sorted names of the environment variables.
func ListEnvironment() Verb { return do("list_environment") }

// OpenFiles gives the open descriptors as the task sees them.
func OpenFiles() Verb { return do("open_files") }

// Spawn starts a child that the task leaves running and gives {"pid"}.
func Spawn(argv ...string) Verb { return do("spawn").With("argv", argv) }

// Daemonise starts a process in a session of its own, with its parent gone.
func Daemonise(argv ...string) Verb { return Spawn(argv...).With("daemonise", true) }

// Sleep waits, in seconds. It is never evidence, only something to interrupt.
func Sleep(seconds float64) Verb { return do("sleep").With("seconds", seconds) }

// WaitFor makes the task wait at the barrier name until Run.Release.
func WaitFor(name string) Verb { return do("wait_for").With("name", name) }

// Payload pushes a text of exactly n octets, octet i being 'a'+i%26.
func Payload(key string, octets int) Verb {
	return do("payload").With("key", key).With("bytes", octets)
}

// CheckPayload pulls what Payload pushed and gives {"equal", "length"}.
func CheckPayload(taskID, key string, octets int) Verb {
	return do("check_payload").With("task_id", taskID).With("key", key).With("bytes", octets)
}

// Log writes one record to the task's log channel; With("count", n) writes n.
func Log(message string) Verb { return do("log").With("message", message) }

// Print writes a line to stdout of the task.
func Print(message string) Verb { return Log(message).With("channel", "stdout") }

// PrintError writes a line to stderr of the task.
func PrintError(message string) Verb { return Log(message).With("channel", "stderr") }

// Fail raises an exception.
func Fail(message string) Verb { return do("fail").With("message", message) }

// Exit ends the process at once, without a terminal message.
func Exit(code int) Verb { return do("exit").With("code", code) }

// SignalSelf sends a signal, such as "SIGKILL", to the task's own process.
func SignalSelf(signal string) Verb { return do("signal_self").With("signal", signal) }

// IgnoreSIGTERM makes SIGTERM do nothing in the task's process from now on.
func IgnoreSIGTERM() Verb { return do("ignore_sigterm") }
