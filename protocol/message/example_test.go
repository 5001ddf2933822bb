package message_test

import (
	"bytes"
	"fmt"

	"github.com/understudy-conformance/understudy/protocol/frame"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// A runner asks for a variable, and the supervisor has none.
func Example() {
	var socket bytes.Buffer

	// The runner.
	payload, err := message.EncodeRequest(message.Request{ID: 1, Body: &message.GetVariable{Key: "colour"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := frame.NewWriter(&socket).Write(payload); err != nil {
		fmt.Println(err)
		return
	}

	// The supervisor.
	payload, err = frame.NewReader(&socket, 0).Next()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(message.Describe(payload, message.ToSupervisor))
	request, err := message.DecodeRequest(payload)
	if err != nil {
		fmt.Println(err) // a DecodeError with an id can be answered
		return
	}
	response := message.Response{ID: request.ID}
	switch body := request.Body.(type) {
	case *message.GetVariable:
		response.Body = &message.ErrorResponse{Error: message.VariableNotFound}
	default:
		response.Err = &message.ErrorResponse{Error: message.APIServerError}
		fmt.Println("not handled:", body.MessageType())
	}
	payload, err = message.EncodeResponse(response)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(message.Describe(payload, message.ToRunner))

	// Output:
	// #1 GetVariable{key: "colour"}
	// #1 ErrorResponse{error: "VARIABLE_NOT_FOUND"}
}
