// Package frame cuts a byte stream into the frames that an Airflow supervisor
// and its task runner exchange, and joins them again.
//
//	byte 0      4                     4+n
//	     |  n   |  payload: n bytes    |
//	     u32 BE   one MessagePack array
//
// The length counts the payload only. A frame without payload is not a frame
// (ErrEmpty): a MessagePack value has at least one byte.
//
// The package knows nothing of what a payload means; package message does.
//
// # Reading
//
// Reader takes exactly the bytes of one frame from the stream and never one
// more. A runner may therefore read its startup frame and then replace itself
// by another program that reads the next frame from the same descriptor, and a
// reader below it may collect descriptors that arrive with the first byte of a
// header.
//
// The announced length is checked against a limit before anything is allocated,
// and the buffer grows as bytes arrive: a header costs its sender as much as it
// costs the receiver.
//
// # Writing
//
// Writer hands header and payload to the stream in one call. Airflow 3.0 to 3.2
// loses its place when the four header bytes reach it in two parts, and frames
// of concurrent writers must not mix (apache/airflow#69253, #64894).
package frame
