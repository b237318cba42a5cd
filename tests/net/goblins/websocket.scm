;; A peer for tests: Goblins with its own WebSocket netlayer, without encryption, on loopback at OCAPN_PORT. It
;; publishes an echo, and a visitor that follows a string to an object of another peer, and sends what it was
;; given to that. It says their strings.
(use-modules (goblins) (goblins vat) (goblins actor-lib joiners) (goblins ocapn captp) (goblins ocapn ids)
             (goblins ocapn netlayer websocket) (goblins utils crypto) (fibers conditions))

(sigaction SIGPIPE SIG_IGN)
(define port (string->number (getenv "OCAPN_PORT")))

(define (^echo _) (lambda said said))
(define (^visitor _ capn)
  (lambda (text . said)
    (apply <- (<- capn 'enliven (string->ocapn-id text)) said)))

(define home (spawn-vat))
(with-vat home
  (let* ((netlayer (spawn ^websocket-netlayer #:encrypted? #f #:host "127.0.0.1" #:port port
                          #:designator-key (generate-key-pair)))
         (capn (spawn-mycapn netlayer)))
    (on (all-of (<- capn 'register (spawn ^echo) 'websocket)
                (<- capn 'register (spawn ^visitor capn) 'websocket))
        (lambda (references)
          (format #t "READY ~a\n" (string-join (map ocapn-id->string references)))
          (force-output)))))
(wait (make-condition))
