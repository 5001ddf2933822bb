// Package strict judges the bytes of a payload more severely than any decoder
// does. Decoders let a sender get away with much, each with something else:
// none that are in use reject invalid UTF-8 or a key that stands twice, and
// some read what follows the value as the start of the next. Where the question
// is whether a sender is right, their leniency hides the answer.
//
// Check looks at one MessagePack value, CheckRequest and CheckResponse at the
// envelope around a message as well:
//
//	request   [ id: 0..2^63-1 , body: map with "type" , carrier: map of strings | nil , task instance: string | nil ]
//	response  [ id: 0..2^63-1 , body: map with "type" | nil , error: map with "type" | nil ]
//
// A request has two elements in Airflow 3.0 to 3.2, three in 3.3, and four in 3.4,
// where triggers name the task instance for which they ask.
//
// Problems come in the order of their offsets, each with a rule that tests can
// name. Some rules end the check, because what follows cannot be told apart:
// Truncated, Reserved and Depth. At most MaxProblems are reported.
package strict
