package message

import "fmt"

// ErrorCode says what went wrong. Codes that are not listed here are kept as
// they came: a newer peer may have more of them.
type ErrorCode string

// The codes of schema 2026-10-30.
const (
	ConnectionNotFound  ErrorCode = "CONNECTION_NOT_FOUND"
	VariableNotFound    ErrorCode = "VARIABLE_NOT_FOUND"
	XComNotFound        ErrorCode = "XCOM_NOT_FOUND"
	AssetNotFound       ErrorCode = "ASSET_NOT_FOUND"
	TaskStoreNotFound   ErrorCode = "TASK_STORE_NOT_FOUND"  // since 3.3
	AssetStoreNotFound  ErrorCode = "ASSET_STORE_NOT_FOUND" // since 3.3
	DagRunAlreadyExists ErrorCode = "DAGRUN_ALREADY_EXISTS"
	PermissionDenied    ErrorCode = "PERMISSION_DENIED" // since 3.3
	GenericError        ErrorCode = "GENERIC_ERROR"
	APIServerError      ErrorCode = "API_SERVER_ERROR"
)

// ErrorResponse is a refusal. It comes in two places: as the third element of a
// response for what failed, and as its body for what was not found.
type ErrorResponse struct {
	Error  ErrorCode `json:"error,omitzero"`             // absent: GENERIC_ERROR
	Detail Raw       `json:"detail,omitzero" wire:"map"` // whatever explains it
}

// Text renders code and detail for people, in at most about 500 bytes.
func (e *ErrorResponse) Text() string {
	code := e.Error
	if code == "" {
		code = GenericError
	}
	if e.Detail == nil {
		return string(code)
	}
	detail, err := e.Detail.MarshalJSON()
	if err != nil {
		detail = fmt.Appendf(nil, "(detail not shown: %v)", err)
	}
	return fmt.Sprintf("%.100s: %.400s", code, detail)
}

// Err returns e as an error that errors.As finds as *RemoteError, or nil if e is
// nil.
func (e *ErrorResponse) Err() error {
	if e == nil {
		return nil
	}
	return &RemoteError{Response: e}
}

// RemoteError is an ErrorResponse as a Go error.
type RemoteError struct{ Response *ErrorResponse }

func (e *RemoteError) Error() string { return e.Response.Text() }

// AsError returns the refusal in r, in whichever of the two places it is, or nil.
func AsError(r Response) *ErrorResponse {
	if r.Err != nil {
		return r.Err
	}
	e, _ := r.Body.(*ErrorResponse)
	return e
}
