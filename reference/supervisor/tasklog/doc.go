// Package tasklog is the log of one task: what the task prints and logs, and what
// its supervisor has to say about it, as lines of JSON from which the secrets of the
// task are taken out.
//
//	stdout, stderr:  lines of text        -->  Channel  --.
//	log channel:     lines of JSON        -->  Channel  --+-->  Masker  -->  file, or a writer
//	supervisor:      level, event, fields -->  Record   --'
//
// Every channel is a Drains' to copy. Whatever comes on it, the log has one valid
// record for each line of it.
package tasklog
