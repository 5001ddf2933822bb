// Package message holds what an Airflow supervisor and its task runner say to
// each other: one Go struct for each message, and the envelopes around them.
//
//	supervisor                                             runner
//	    |  [0, StartupDetails, nil]                           |
//	    |---------------------------------------------------->|  first frame, not asked for
//	    |                                                     |
//	    |                        [0, ResendLoggingFD, nil]    |
//	    |<----------------------------------------------------|  ids count up from 0 again
//	    |  [0, SentFDs, nil]  + descriptor on the first byte  |
//	    |---------------------------------------------------->|
//	    |                            [1, GetVariable, nil]    |
//	    |<----------------------------------------------------|
//	    |  [1, VariableResult, nil]      found                |
//	    |  [1, ErrorResponse, nil]       not there            |
//	    |  [1, nil, ErrorResponse]       could not be asked   |
//	    |---------------------------------------------------->|  one of the three
//	    |                                [2, SetXCom, nil]    |
//	    |<----------------------------------------------------|
//	    |  [2, nil, nil]                 done                 |
//	    |---------------------------------------------------->|
//	    |                            [3, SucceedTask, nil]    |
//	    |<----------------------------------------------------|  one terminal message
//	    |  [3, nil, nil]                                      |
//	    |---------------------------------------------------->|
//
// Each payload is one MessagePack array. A request is [id, body, carrier], a
// response [id, body, error]; package frame puts the length before it. Encoding
// always gives three elements, which every release takes. Decoding takes a request
// of two or more and a response of one or more elements, reads missing ones as nil
// and ignores what follows the third: Airflow 3.0 to 3.2 send requests of two
// elements, 3.4 of four, the last of which only triggers use. A body is a map whose key "type" names the message.
//
// # Rules of a body
//
// The codec and encoding/json read the same json tag, so that each wire name
// stands once and the HTTP side can use the same shapes (without "type").
//
//   - A field with omitzero, or omitempty for pointers, may be absent or null and
//     is left out when it is the zero value. Peers add the default that the
//     field's comment names.
//   - Any other pointer may be null, and absent is the same as null; it is written
//     as null, because some peers insist on the key.
//   - Any other field is required: decoding reports MissingFieldError. A wire tag
//     makes exceptions: "optional" for one that is written always, "map" for a
//     Raw that must be a map, "nonempty" for a list of at least one element.
//   - Keys without a field are ignored; the last of two equal keys counts.
//   - Strings must be UTF-8. Numbers and strings are not converted into one
//     another; an integer is accepted for a float.
//
// # Limits
//
// Decoding checks the structure of the whole payload first: nothing is allocated
// for elements that are not there, at most 100 arrays and maps may stand inside
// one another, and typed lists hold at most 4,194,304 elements in all. Values
// that are only passed on stay undecoded (Raw) and share the payload's memory.
package message
