package main

import (
	"fmt"
	"net"
	"os"
)

// notifier returns what tells whoever started this service that it is ready, as systemd
// wants it from services of Type=notify. The variable that says where is taken out of
// the environment: tasks have nothing to say there.
func notifier() (ready func() error) {
	const variable = "NOTIFY_SOCKET"
	path := os.Getenv(variable)
	_ = os.Unsetenv(variable) // fails for odd names only
	return func() error {
		if path == "" {
			return nil
		}
		// An abstract name begins with @ there as here.
		conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
		if err != nil {
			return fmt.Errorf("say that the server is ready: %w", err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte("READY=1")); err != nil {
			return fmt.Errorf("say that the server is ready: %w", err)
		}
		return nil
	}
}
