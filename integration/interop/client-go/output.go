package main

import (
	"encoding/json"
	"net/http"
	"os"
	"sync"

	"k8s.io/client-go/transport"
)

var output struct {
	sync.Mutex
}

// say writes a line.
func say(line map[string]any) {
	output.Lock()
	defer output.Unlock()
	_ = json.NewEncoder(os.Stdout).Encode(line)
}

type notingTransport struct {
	next http.RoundTripper
}

var _ transport.WrapperFunc = noteRequests

func noteRequests(next http.RoundTripper) http.RoundTripper {
	return notingTransport{next}
}

func (t notingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err == nil {
		query := request.URL.Query()
		say(map[string]any{
			"request":           request.Method + " " + request.URL.Path,
			"status":            response.StatusCode,
			"watch":             query.Get("watch") != "",
			"sendInitialEvents": query.Get("sendInitialEvents") != "",
			"contentType":       request.Header.Get("Content-Type"),
		})
	}
	return response, err
}
