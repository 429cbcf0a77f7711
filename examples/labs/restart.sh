# Kills the server in this directory, if it runs, and starts it again in the background:
#     sh restart.sh
#     SERVER=./server PORTS='3666 3999' sh restart.sh
[ -f pid ] && kill -9 "$(cat pid)" && sleep 0.2
${SERVER:-python3 server.py} ${PORTS:-2666 2999} messages.log </dev/null >>server.out 2>&1 &
echo $! >pid
