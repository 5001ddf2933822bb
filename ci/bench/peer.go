package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"

	"github.com/understudy-conformance/understudy/protocol/channel"
	"github.com/understudy-conformance/understudy/protocol/frame"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// A peer is a second process of this program at the other end of a socketpair, as
// supervisor and runner are two processes in life.

// peerSocket is the descriptor on which a peer finds its end.
const peerSocket = 3

// peers are what a second process can be.
var peers = map[string]func(net.Conn) error{
	"answer": answerRequests,
	"pong":   pong,
	"send":   sendLarge,
}

// startPeer starts a peer. stop ends it and returns how it fared.
func startPeer(kind string) (conn net.Conn, stop func() error, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find this program: %w", err)
	}
	ours, theirs, err := channel.Pair()
	if err != nil {
		return nil, nil, err
	}
	defer theirs.Close()
	cmd := exec.Command(self, "peer", kind)
	cmd.ExtraFiles, cmd.Stderr = []*os.File{theirs}, os.Stderr
	if err := cmd.Start(); err != nil {
		ours.Close()
		return nil, nil, fmt.Errorf("start peer %s: %w", kind, err)
	}
	return ours, func() error {
		ours.Close() // the peer's end of stream
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("peer %s: %w", kind, err)
		}
		return nil
	}, nil
}

// servePeer is the main function of a peer.
func servePeer(kind string) error {
	serve, known := peers[kind]
	if !known {
		return fmt.Errorf("no peer %q", kind)
	}
	file := os.NewFile(peerSocket, "socket")
	conn, err := net.FileConn(file)
	file.Close()
	if err != nil {
		return fmt.Errorf("use descriptor %d: %w", peerSocket, err)
	}
	defer conn.Close()
	if err := serve(conn); err != nil && !channel.Ended(err) {
		return fmt.Errorf("peer %s: %w", kind, err)
	}
	return nil
}

// answerRequests is a supervisor that has the value at hand.
func answerRequests(conn net.Conn) error {
	value, err := message.RawOf(exchangedValue)
	if err != nil {
		return err
	}
	return channel.Serve(conn, 0, nil, func(w *channel.Writer, payload []byte) error {
		request, err := message.DecodeRequest(payload)
		if err != nil {
			return err
		}
		wanted, ok := request.Body.(*message.GetXCom)
		if !ok {
			return fmt.Errorf("asked for %s", request.Body.MessageType())
		}
		answer, err := message.EncodeResponse(message.Response{
			ID: request.ID, Body: &message.XComResult{Key: wanted.Key, Value: value},
		})
		if err != nil {
			return err
		}
		return w.Write(answer)
	})
}

// pong answers so many octets by so many, nothing more.
func pong(conn net.Conn) error {
	asked, answered, err := exchangedSizes()
	if err != nil {
		return err
	}
	in, out := make([]byte, asked), make([]byte, answered)
	for {
		if _, err := io.ReadFull(conn, in); err != nil {
			return err
		}
		if _, err := conn.Write(out); err != nil {
			return err
		}
	}
}

// sendLarge writes the large frame once for each octet that arrives.
func sendLarge(conn net.Conn) error {
	payload, err := largePayload()
	if err != nil {
		return err
	}
	whole := frame.Append(nil, payload)
	order := make([]byte, 1)
	for {
		if _, err := io.ReadFull(conn, order); err != nil {
			return err
		}
		if _, err := conn.Write(whole); err != nil {
			return err
		}
	}
}
