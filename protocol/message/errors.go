package message

import (
	"errors"
	"fmt"
	"strings"
)

// DecodeError reports a payload that is no message of the direction it was
// decoded for.
//
// If HasID is set the payload is an array that starts with an id, and ID can
// answer it. If the bytes are not even one well-formed value, errors.As finds a
// *MalformedError in it, and the stream they came from is not to be trusted.
type DecodeError struct {
	ID    int64
	HasID bool
	Type  string // the body's type, if it was found
	Path  string // where in the body, such as "ti.try_number"; "" for the envelope
	Err   error
}

func (e *DecodeError) Error() string {
	var b strings.Builder
	b.WriteString("decode ")
	if e.Type != "" {
		b.WriteString(e.Type)
	} else {
		b.WriteString("message")
	}
	if e.HasID {
		fmt.Fprintf(&b, " #%d", e.ID)
	}
	if e.Path != "" {
		fmt.Fprintf(&b, ": %s", e.Path)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	return b.String()
}

func (e *DecodeError) Unwrap() error { return e.Err }

// MalformedError reports bytes that are not exactly one MessagePack value
// within the limits of this package.
type MalformedError struct {
	Offset int // bytes from the start of the payload
	Reason string
}

func (e *MalformedError) Error() string {
	return fmt.Sprintf("malformed at byte %d: %s", e.Offset, e.Reason)
}

// UnknownTypeError reports a body whose type the direction does not have.
type UnknownTypeError struct{ Type string }

func (e *UnknownTypeError) Error() string { return fmt.Sprintf("unknown message type %.100q", e.Type) }

// MissingFieldError reports a required key that is not in a body.
type MissingFieldError struct {
	Type  string // message type; "" when the type itself is missing
	Field string // last element of the DecodeError's Path
}

func (e *MissingFieldError) Error() string { return fmt.Sprintf("field %q is required", e.Field) }

// pathError carries an error up through nested values, collecting where it was.
type pathError struct {
	path string
	err  error
}

func (e *pathError) Error() string { return e.path + ": " + e.err.Error() }

func (e *pathError) Unwrap() error { return e.err }

// at puts step, a field name or an index in brackets, before the path of err.
func at(step string, err error) error {
	inner, ok := err.(*pathError)
	if !ok {
		return &pathError{path: step, err: err}
	}
	if strings.HasPrefix(inner.path, "[") {
		inner.path = step + inner.path
	} else {
		inner.path = step + "." + inner.path
	}
	return inner
}

// located splits the path off an error that at made, and names the message in a
// MissingFieldError.
func located(messageType string, err error) (path string, cause error) {
	cause = err
	var located *pathError
	if errors.As(err, &located) {
		path, cause = located.path, located.err
	}
	var missing *MissingFieldError
	if errors.As(cause, &missing) {
		missing.Type = messageType
	}
	return path, cause
}
