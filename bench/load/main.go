// Command load asks an STS for tokens as fast as it answers, with a fixed number of requests in flight, and says in one
// line of JSON how long that took. It is a process of its own, in another language than the server, so that neither its
// cost nor its garbage is measured with the server's.
//
//	load run  -protocol grpc -address 127.0.0.1:8080 -tokens FILE -targets FILE -seconds 10
//	load soak -address 127.0.0.1:8080 -key FILE -issuer URL -audience DOMAIN -requests 1000000
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := command(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "load: %v\n", err)
		os.Exit(1)
	}
}

func command(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "run":
			return run(args[1:])
		case "soak":
			return soak(args[1:])
		}
	}
	return fmt.Errorf("say run or soak, with their flags (-h lists them)")
}
